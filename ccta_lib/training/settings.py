"""What a training run is made of: one frozen object, built from a profile and checked before anything runs."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from ccta_lib.errors import ParameterError
from ccta_lib.schema import N_FOLDS

INITS = ("nano", "scratch")
TRANSFORMS = ("shift", "amplitude", "noise", "blank")
"""The four augmentations, in the order in which they are applied."""


class TrainingSettings(BaseModel):
    """Settings of fine-tuning; the defaults are the paper's (Methods, training strategy), nested selection aside.

    Attributes
    ----------
    init : "nano" (shipped weights), "scratch" (no pretraining), or a path of weights
    architecture : network of "scratch", and of a checkpoint that states none
    input_contract : preprocessing by name (see `ccta_lib.model.CONTRACTS`), only for weights that state none
    epochs, batch_size : a batch is that many ECGs, and as many augmented copies
    learning_rate, weight_decay : of AdamW, at the peak
    warmup_fraction, final_rate_fraction : linear rise over that share of the steps, cosine to that share of the peak
    dropout : inside the blocks
    uncertainty : form of equation 1, or "equal" for fixed equal weights
    sigma_learning_rate : "paper" = the network's rate and decay; a number = its own rate, no decay
    pcgrad : project conflicting gradients (equation 2): "exact" = the published algorithm, one backward pass per
        vessel; "features" = conflicts taken at the feature vector, one backward pass; "none" = their plain sum
    trainable : "all"; "head" = the head alone, on features computed once; or how many last stages, with the head
    layer_decay : factor on the learning rate from each stage to the one below it, the head's being learning_rate
    micro_batch : ECGs, copies counted, that go through the network at a time; None = the whole batch. Less memory,
        the same result
    precision : "fp32", or autocast to "bf16" or "fp16" in the trunk
    checkpointing : keep only what enters each block and compute its inside again for each backward pass
    augmentation : add the augmented copy to each batch: true = with all four transforms, or the names of those that
        act on it (`TRANSFORMS`); false = no copy
    augmentation_schedule : strength over the epochs: "paper" = 1 to .5 by a cosine, "printed" = equation 3 as printed,
        1 to 0, "constant" = 1
    batch : "both" = each ECG and its copy, "augmented" = the copy alone
    normalisation : "contract" = as the input contract says; "per_lead" or "per_recording" instead, which pretrained
        weights have then never met
    head_bias : start of the new head's bias: "prevalence" = log odds in the training rows, "random" = PyTorch's
    selection : which epoch's weights predict: "nested" (best on the inner set) or "paper" (best on the reported fold)
    n_folds, inner_fraction : outer folds, and the share of the remaining patients in the inner set
    device : "auto" = CUDA where PyTorch sees it, else the CPU
    checkpoint_minutes : a kill costs at most this much; the end of an epoch always leaves a checkpoint
    tensorboard : write TensorBoard's scalars where it is installed
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    init: str = "nano"
    architecture: Literal["nano", "ecgfounder"] = "nano"
    input_contract: Literal["nano", "ecgfounder", "paper"] | None = None
    epochs: int = Field(default=100, ge=1)
    batch_size: int = Field(default=64, ge=2)
    learning_rate: float = Field(default=3e-5, gt=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0, lt=1)
    warmup_fraction: float = Field(default=0.1, ge=0, lt=1)
    final_rate_fraction: float = Field(default=0.01, ge=0, le=1)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    uncertainty: Literal["published code", "paper", "equal"] = "published code"
    sigma_learning_rate: float | Literal["paper"] = "paper"
    pcgrad: Literal["exact", "features", "none"] = "exact"
    trainable: Literal["all", "head"] | int = "all"
    layer_decay: float = Field(default=1.0, gt=0, le=1)
    micro_batch: int | None = Field(default=None, ge=1)
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    checkpointing: bool = False
    augmentation: bool | tuple[str, ...] = True
    augmentation_schedule: Literal["paper", "printed", "constant"] = "paper"
    batch: Literal["both", "augmented"] = "both"
    normalisation: Literal["contract", "per_lead", "per_recording"] = "contract"
    head_bias: Literal["prevalence", "random"] = "prevalence"
    selection: Literal["nested", "paper"] = "nested"
    n_folds: int = Field(default=N_FOLDS, ge=2, le=N_FOLDS)
    inner_fraction: float = Field(default=0.15, ge=0.05, le=0.5)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    checkpoint_minutes: float = Field(default=10.0, gt=0)
    tensorboard: bool = True

    def decisive(self) -> dict[str, Any]:
        """Return the settings a result depends on; a run may go on when one of the others has changed."""
        return self.model_dump(mode="json", exclude={"device", "checkpoint_minutes", "tensorboard"})

    @classmethod
    def from_dict(cls, values: dict[str, Any], *, source: str = "training settings") -> Self:
        """Build settings from a profile's mapping.

        Raises
        ------
        ParameterError
            One line per fault: unknown name, wrong type or out of range.
        """
        try:
            settings = cls(**values)
        except ValidationError as error:
            raise ParameterError(*(_line(source, e, cls) for e in error.errors())) from error
        except TypeError as error:
            raise ParameterError(f"{source}: {error}; expected a mapping of names to values") from error
        faults = settings.faults()
        if faults:
            raise ParameterError(*(f"{source}: {fault}" for fault in faults))
        return settings

    @field_validator("trainable", mode="before")
    @classmethod
    def _known_part(cls, value: Any) -> Any:
        whole = isinstance(value, int) and not isinstance(value, bool)
        if value in ("all", "head") or (whole and value >= 1):
            return value
        raise ValueError("expected all, head, or how many last stages (1 or more)")

    @field_validator("augmentation", mode="before")
    @classmethod
    def _known_transforms(cls, value: Any) -> Any:
        if not isinstance(value, (list, tuple)):
            try:
                return TypeAdapter(bool).validate_python(value)
            except ValidationError as error:
                raise ValueError(f"expected true, false, or some of {', '.join(TRANSFORMS)}") from error
        if not value or not set(value) <= set(TRANSFORMS):
            raise ValueError(f"expected some of {', '.join(TRANSFORMS)}; false for none of them")
        # One form for one meaning: equal settings have equal keys.
        return True if set(value) == set(TRANSFORMS) else tuple(t for t in TRANSFORMS if t in value)

    @property
    def transforms(self) -> tuple[str, ...]:
        """The transforms that act on the augmented copy."""
        return TRANSFORMS if self.augmentation is True else self.augmentation or ()

    def faults(self) -> list[str]:
        """Return one line for each setting that does not go with the others."""
        faults = []
        rate = self.sigma_learning_rate
        if isinstance(rate, float) and not 0 < rate < 1:
            faults.append(f"sigma_learning_rate is {rate:g}; expected 'paper' or above 0, below 1")
        if self.batch == "augmented" and not self.augmentation:
            faults.append(
                "batch is 'augmented' and augmentation false, which leaves the batch empty; set one of them"
            )
        if self.trainable == "head":
            if self.augmentation:
                faults.append(
                    "trainable is 'head' and augmentation true, but features computed once cannot be augmented; "
                    "set augmentation to false"
                )
            if self.init == "scratch":
                faults.append(
                    "trainable is 'head' and init 'scratch': features of an untrained trunk say nothing; "
                    "give pretrained weights"
                )
            if self.dropout:
                faults.append(
                    f"trainable is 'head' and dropout {self.dropout:g}, which acts in the trunk only; set it to 0"
                )
        return faults


def _line(source: str, error: Any, cls: type[TrainingSettings]) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    if error["type"] == "extra_forbidden":
        return f"{source}: {name} is unknown; known are {', '.join(cls.model_fields)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{source}: {name} is {error['input']!r}; {message[0].lower()}{message[1:]}"
