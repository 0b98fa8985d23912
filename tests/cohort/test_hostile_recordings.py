"""Recordings with intent, or wrong in a way one can name: refused, or read as what they say, never as another."""

from __future__ import annotations

import io
import itertools
import re
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ccta_lib.cohort import read_ecg
from ccta_lib.cohort.ecg import source_files
from ccta_lib.errors import WaveformError
from ccta_lib.schema import LEADS
from ccta_lib.simulate.recordings import WRITABLE, write_recording
from tests.fuzz.recordings import HZ, SAMPLES, Recording, an_ecg
from tests.fuzz.scp_file import scp

TRUTH = an_ecg()
XML = ("muse", "sierra", "aecg", "cardiosoft")


def whole(folder: Path, form: str) -> Path:
    if form == "scp":
        return scp(folder / "r.scp", TRUTH.signal)
    return write_recording(folder / "r", TRUTH, form)


def refused(path: Path, why: str = "", **given: object) -> None:
    with pytest.raises(WaveformError, match=why or None) as caught:
        read_ecg(path, **given)
    assert all(fault and "\n" not in fault for fault in caught.value.faults)


def text_of(path: Path) -> str:
    data = path.read_bytes()
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8")


def swap(path: Path, pattern: str, new: str, *, count: int = 1) -> Path:
    """Replace the first occurrence; of a MUSE file all, since its median beats come before its rhythm."""
    count = 0 if b"<RestingECG" in path.read_bytes() else count
    text = text_of(path)
    changed = re.sub(pattern, new, text, count=count, flags=re.S)
    assert changed != text, pattern
    path.write_text(
        changed.replace('encoding="utf-16"', 'encoding="utf-8"').replace("utf-16", "utf-8"), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("form", [*WRITABLE, "scp"])
def test_a_cut_at_any_of_sixty_places_is_refused_or_changes_nothing(tmp_path: Path, form: str) -> None:
    """Every header byte and every sample count is some cut's end; what is still read is the whole signal."""
    pytest.importorskip("ecgdatakit") if form == "scp" else None
    target = Recording(form)
    (data,) = target.samples(tmp_path)[:1]
    for place in np.unique(np.geomspace(1, len(data), 60).astype(int))[:-1]:
        for length in (int(place), len(data) - int(place)):
            target.check(tmp_path, data[:length], "cut")  # raises if another signal is read


# What each form calls its rate, gain, sample count and first lead, where the text says so.
RATE = {
    "wfdb": (r"r 12 500", "r 12 {}"),
    "muse": (r"<SampleBase>500<", "<SampleBase>{}<"),
    "sierra": (r"samplespersecond=\"500\"", 'samplespersecond="{}"'),
    "aecg": (r"<increment value=\"[^\"]+\"", '<increment value="{}"'),
    "cardiosoft": (r"(<SampleRate units=\"Hz\">)500", r"\g<1>{}"),
}
GAIN = {
    "wfdb": (r"(r\.dat 16 )[\d.]+", r"\g<1>{}"),
    "muse": (r"<LeadAmplitudeUnitsPerBit>[^<]+", "<LeadAmplitudeUnitsPerBit>{}"),
    "sierra": (r" resolution=\"[^\"]+\"", ' resolution="{}"'),
    "aecg": (r"<scale value=\"[^\"]+\"", '<scale value="{}"'),
    "cardiosoft": (r"(<Resolution [^>]*>)[^<]+", r"\g<1>{}"),
}


@pytest.mark.parametrize("form", RATE)
@pytest.mark.parametrize("value", ["0", "-500", "nan", "inf", "1e30", "", "x", "1_0"])
def test_a_rate_that_cannot_be_is_refused(tmp_path: Path, form: str, value: str) -> None:
    pattern, new = RATE[form]
    path = swap(whole(tmp_path, form), pattern, new.format(value))
    if (form, value) == ("sierra", ""):  # which says its rate in a second place
        assert read_ecg(path).sampling_hz == HZ
    else:
        refused(path)


@pytest.mark.parametrize("form", GAIN)
@pytest.mark.parametrize("value", ["0", "nan", "inf", "-1e30", "1e30", "x"])
def test_a_gain_that_cannot_be_is_refused(tmp_path: Path, form: str, value: str) -> None:
    pattern, new = GAIN[form]
    refused(swap(whole(tmp_path, form), pattern, new.format(value)))


@pytest.mark.parametrize("form", ["muse", "sierra", "aecg", "cardiosoft"])
def test_a_gain_is_what_the_file_says(tmp_path: Path, form: str) -> None:
    """Twice the step, twice the signal: nothing is scaled by what is usual."""
    path = whole(tmp_path, form)
    before = read_ecg(path).signal
    pattern, new = GAIN[form]
    found = re.search(pattern, text_of(path), flags=re.S)
    step = float(re.findall(r"[\d.]+(?:e-?\d+)?", found[0])[-1])
    path = swap(path, pattern, new.format(f"{2 * step:.10g}"), count=0)
    np.testing.assert_allclose(read_ecg(path).signal, 2 * before, atol=1e-6)


@pytest.mark.parametrize(
    ("form", "pattern", "new"),
    [
        ("wfdb", r"r 12 500 300", "r 12 500 1000000000"),
        ("muse", r"<LeadSampleCountTotal>300", "<LeadSampleCountTotal>1000000000"),
        ("sierra", r"durationperchannel=\"\d+\"", 'durationperchannel="2000000000"'),
        ("cardiosoft", r"<ChannelSampleCountTotal>300", "<ChannelSampleCountTotal>1000000000"),
        ("wfdb", r"r 12 500 300", "r 12 500 301"),
        ("muse", r"<LeadSampleCountTotal>300", "<LeadSampleCountTotal>299"),
        ("sierra", r"durationperchannel=\"\d+\"", 'durationperchannel="598"'),
        ("cardiosoft", r"<ChannelSampleCountTotal>300", "<ChannelSampleCountTotal>299"),
        ("cardiosoft", r"(<WaveformData lead=\"V3\">)-?\d+,", r"\1"),
        ("aecg", r"(<digits>)-?\d+ ", r"\1"),
    ],
)
def test_another_length_than_declared_is_refused(tmp_path: Path, form: str, pattern: str, new: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(swap(whole(tmp_path, form), pattern, new))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**19  # KiB


@pytest.mark.parametrize(
    ("form", "pattern", "new"),
    [
        ("wfdb", r" V2\n", " V1\n"),
        ("muse", r"<LeadID>V2<", "<LeadID>V1<"),
        ("sierra", r"V1 V2 V3", "V1 V1 V3"),
        ("cardiosoft", r"lead=\"V2\"", 'lead="V1"'),
        ("aecg", r"MDC_ECG_LEAD_V2", "MDC_ECG_LEAD_V1"),
    ],
)
def test_a_lead_that_stands_twice_is_refused(tmp_path: Path, form: str, pattern: str, new: str) -> None:
    refused(swap(whole(tmp_path, form), pattern, new))


@pytest.mark.parametrize("form", ["wfdb", "muse", "cardiosoft", "aecg"])
def test_leads_in_another_order_are_read_by_their_names(tmp_path: Path, form: str) -> None:
    """V1 and V6 exchange names: they exchange places, and nothing else moves."""
    names = {"wfdb": " {}\n", "muse": "<LeadID>{}<", "cardiosoft": 'lead="{}"', "aecg": "MDC_ECG_LEAD_{}"}[
        form
    ]
    path = whole(tmp_path, form)
    before = read_ecg(path).signal
    text = text_of(path)
    for old, new in (("V1", "XX"), ("V6", "V1"), ("XX", "V6")):
        assert names.format(old) in text
        text = text.replace(names.format(old), names.format(new))
    path.write_text(text, encoding="utf-8")
    after = read_ecg(path).signal
    order = [LEADS.index({"V1": "V6", "V6": "V1"}.get(lead, lead)) for lead in LEADS]
    np.testing.assert_array_equal(after, before[order])


@pytest.mark.parametrize("form", ["wfdb", "muse", "npy", "npz", "dicom"])
def test_missing_samples_stay_missing(tmp_path: Path, form: str) -> None:
    signal = TRUTH.signal.copy()
    signal[7, 50:60] = np.nan
    from dataclasses import replace

    path = write_recording(tmp_path / "r", replace(TRUTH, signal=signal), form)
    found = read_ecg(path, sampling_hz=HZ if form == "npy" else None).signal
    np.testing.assert_array_equal(np.isnan(found), np.isnan(signal))


LAUGHS = "".join(f'<!ENTITY a{i} "{(f"&a{i - 1};" if i else "lol") * 10}">' for i in range(10))


@pytest.mark.parametrize("form", XML)
@pytest.mark.parametrize(
    "entities",
    [LAUGHS, '<!ENTITY a9 SYSTEM "file:///etc/passwd">', '<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;',
     '<!ATTLIST restingecgdata x CDATA "y">'],
    ids=["laughs", "external", "parameter", "default"],
)  # fmt: skip
def test_xml_that_defines_anything_is_refused(tmp_path: Path, form: str, entities: str) -> None:
    path = whole(tmp_path, form)
    text = re.sub(r"<\?xml.*?\?>|<!DOCTYPE[^>]*>", "", text_of(path), flags=re.S).lstrip("\ufeff \n")
    root = re.match(r"<([\w:]+)", text)[1]
    text = text.replace("P1", "&a9;")
    path.write_text(f"<?xml version='1.0'?><!DOCTYPE {root} [{entities}]>{text}", encoding="utf-8")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, "DTD inside|not accepted")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**18


@pytest.mark.parametrize("form", XML)
@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "utf-7", "idna", "rot13", "zlib"])
def test_an_encoding_is_one_of_text(tmp_path: Path, form: str, encoding: str) -> None:
    """Python knows codecs that are no encodings of text; XML may name any of them."""
    path = whole(tmp_path, form)
    text = re.sub(r"<\?xml.*?\?>", "", text_of(path), flags=re.S).lstrip("\ufeff")
    body = text.encode(encoding) if encoding in {"utf-16", "gb18030"} else text.encode()
    head = f"<?xml version='1.0' encoding='{encoding}'?>".encode(
        "utf-16" if encoding == "utf-16" else "ascii"
    )
    path.write_bytes(head + body.removeprefix(b"\xff\xfe"))
    try:
        found = read_ecg(path).signal
    except WaveformError:
        return
    np.testing.assert_allclose(found, TRUTH.signal, atol=0.011)


def test_an_archive_that_unpacks_to_more_than_an_ecg_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ccta_lib.cohort.formats.arrays.MOST_VALUES", 10**6)
    path = tmp_path / "r.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": (12, 10**8)}
    )
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("signal.npy", "w") as member,
    ):
        member.write(header.getvalue())
        for _ in range(20):
            member.write(bytes(10**6))
    assert path.stat().st_size < 10**6
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(path, "unpacks to")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**17


def test_a_flipped_bit_in_an_archive_is_refused(tmp_path: Path) -> None:
    """numpy stops behind the last value, before the archive's checksum has been looked at."""
    path = whole(tmp_path, "npz")
    data = path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo("signal.npy")
    # Near the front a flipped bit of the packed stream shifts what follows, and its end is never asked for.
    start, unlike = info.header_offset + 100, 0
    for at, bit in itertools.product(range(start, start + 100), (4, 32)):
        path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
        try:
            np.testing.assert_array_equal(read_ecg(path).signal, TRUTH.signal)
        except WaveformError:
            unlike += 1
    assert unlike > 100


@pytest.mark.parametrize(
    "array", [np.full((12, 300), 1e30), np.full((12, 300), -np.inf), np.full((12, 300), 2**62)]
)
def test_an_array_beyond_any_voltage_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "r.npy", array)
    refused(tmp_path / "r.npy", "its gain or unit cannot be right", sampling_hz=500)


@pytest.mark.parametrize("array", [np.array([[None] * 3] * 12), np.zeros((12, 3), dtype="U4"),
                                   np.zeros((12, 3), "M8[s]"),
                                   np.zeros((12, 3), dtype=complex), np.zeros((12, 3), dtype=[("a", "f4")]),
                                   np.zeros((12, 0)), np.zeros(12), np.zeros((3, 12))])  # fmt: skip
def test_an_array_of_something_else_is_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "r.npy", array, allow_pickle=True)
    refused(tmp_path / "r.npy", sampling_hz=500)


def test_an_array_with_a_payload_runs_nothing(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self):
            return (tmp_path / "ran").touch, ()

    np.save(tmp_path / "r.npy", np.array([[Payload()] * 3] * 12), allow_pickle=True)
    np.savez(tmp_path / "r.npz", signal=np.array([[Payload()] * 3] * 12), sampling_hz=500)
    (tmp_path / "ran").unlink(missing_ok=True)
    refused(tmp_path / "r.npy", sampling_hz=500)
    refused(tmp_path / "r.npz")
    assert not (tmp_path / "ran").exists()


def test_a_flipped_sample_of_a_wfdb_record_is_refused_by_its_checksum(tmp_path: Path) -> None:
    path = whole(tmp_path, "wfdb")
    data = bytearray(path.with_suffix(".dat").read_bytes())
    for at in (0, 999, len(data) - 1):
        flipped = data.copy()
        flipped[at] ^= 1
        path.with_suffix(".dat").write_bytes(flipped)
        refused(path, r"the checksum of \S+ does not fit the samples")
    # Without a checksum, or with the 0 that programs write who compute none, there is nothing to compare.
    path.with_suffix(".dat").write_bytes(data)
    path.write_text(re.sub(r"(r\.dat 16 \S+ 16 0 \S+) \S+", r"\1 0", path.read_text()))
    assert read_ecg(path).signal.shape == (12, SAMPLES)


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        (r"r 12 500 300.*?\n", "r 12 500\n"),
        (r"(r\.dat 16 )\S+ .*?\n", r"\g<1>\n"),
        (r"(r\.dat) 16 ", r"\1 16q "),
        (r"(r\.dat 16 \S+) 16 0 ", r"\1 16 x "),
        (r"(r\.dat 16 1000(?:\.0)?)\(0\)", r"\1(zero)"),
        (r"r 12 500 300", "r 12 500 3e2"),
        (r"r 12 500 300", "r 12 5_00 300"),
    ],
)
def test_what_wfdb_would_fill_in_is_refused(tmp_path: Path, pattern: str, new: str) -> None:
    """Where the library cannot read on, it goes on with its defaults, 250 Hz and 200 steps per millivolt."""
    path = whole(tmp_path, "wfdb")
    if new == "r 12 500\n":  # a length that is not stated is that of the signal file
        assert read_ecg(swap(path, pattern, new)).signal.shape == (12, SAMPLES)
    else:
        refused(swap(path, pattern, new))


@pytest.mark.parametrize("name", ["/etc/passwd", "../outside/r.dat", "sub/r.dat", "simplecache::https:/x/r.dat", "..",
                                  "zip:/r.dat", "a\\b.dat"])  # fmt: skip
def test_a_wfdb_header_names_only_files_beside_it(tmp_path: Path, name: str) -> None:
    """A header from elsewhere could otherwise bring in another patient's samples, or ask a server for them."""
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    path = write_recording(tmp_path / "in" / "r", TRUTH, "wfdb")
    for other in (tmp_path / "outside" / "r.dat", tmp_path / "in" / "sub" / "r.dat"):
        other.write_bytes(path.with_suffix(".dat").read_bytes())
    path.write_text(path.read_text().replace("r.dat", name))
    refused(path)
    with pytest.raises(WaveformError):
        source_files(path)


def test_a_wfdb_header_without_end_is_refused(tmp_path: Path) -> None:
    path = whole(tmp_path, "wfdb")
    with open(path, "a") as stream:
        stream.write("# x\n" * 300_000)
    refused(path, "WFDB header of")


@pytest.mark.parametrize("content", [b"", b"\0" * 5000, b"\xff" * 5000, b"PK\x03\x04" + b"\0" * 100, b"<" * 20_000,
                                     b"<?xml version='1.0'?>", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff",
                                     b"SCPECG" * 9,
                                     b"\x80\x04\x95" + b"\0" * 99, "狭窄".encode("gb18030") * 99])  # fmt: skip
def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "r.bin").write_bytes(content)
    refused(tmp_path / "r.bin", sampling_hz=500)


READ: dict[str, Callable[[Path], object]] = {"folder": lambda p: p.mkdir(), "loop": lambda p: p.symlink_to(p)}


@pytest.mark.parametrize("kind", READ)
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    READ[kind](tmp_path / "r.edf")
    refused(tmp_path / "r.edf")
