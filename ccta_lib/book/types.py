"""Types a chapter's parameters may have; each is checked before anything runs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

VesselName = Literal["RCA", "LM", "LAD", "LCX"]
LeadName = Literal["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
CohortName = Literal["internal", "external", "followup"]
Unit = Literal["ecg", "exam", "patient"]
# A digit too many would fill a disk with patients or resample for years.
Count = Annotated[int, Field(ge=1, le=1_000_000)]
Language = Literal["zh", "en"]
Seed = Annotated[int, Field(ge=0)]
Days = Annotated[float, Field(gt=0)]
Probability = Annotated[float, Field(ge=0, le=1)]
Level = Annotated[float, Field(gt=0, lt=1)]
Languages = Annotated[list[Language], Field(min_length=1)]
Revascularised = Literal["prior", "prior-and-subsequent", "none"]
Vessels = Annotated[list[VesselName], Field(min_length=1)]
Leads = Annotated[list[LeadName], Field(min_length=1)]
Units = Annotated[list[Unit], Field(min_length=1)]
Thresholds = Annotated[dict[VesselName, Probability], Field(min_length=1)]
TimeOrigin = Literal["ccta", "ecg", "paper"]
Windows = Annotated[list[Days], Field(min_length=1)]
FactorName = Literal["age", "sex", "diabetes", "hypertension", "prior MI", "ECG-CCTA interval", "normal ECG"]
Factors = Annotated[list[FactorName], Field(min_length=1)]
Fraction = Annotated[float, Field(gt=0, le=1)]
PeakRule = Literal["all leads", "paper"]
BeatScale = Literal["z-score", "millivolt"]
Positive = Annotated[float, Field(gt=0)]
RobustIterations = Annotated[int, Field(ge=0, le=6)]
