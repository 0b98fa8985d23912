"""What a reader measures on the leads: the beat without noise, and the rule for a normal ECG."""

from __future__ import annotations

import numpy as np

from ccta_lib.simulate.leads import twelve
from ccta_lib.simulate.waves import R2, ST, Q, T, Waves

_MS = np.arange(-60.0, 130.0, 4.0)


def qrs_complex(w: Waves) -> np.ndarray:
    """QRS of a conducted beat in twelve leads, every 4 ms from -60 to 126 ms, shape (n, 12, 47), mV."""
    part = slice(Q, R2 + 1)
    x = (_MS[None, None, :] - w.center[:, part, None]) / w.left[:, part, None]
    return twelve(w.amplitude[:, :, part] @ np.exp(-0.5 * x * x))


def looks_normal(w: Waves) -> np.ndarray:
    """Apply the rule for a normal ECG to the planted leads, shape (n,).

    T at least .05 mV in I, II, V4-V6; ST over -.05 mV and, there, below .1 mV; R in V5 and S in V1 below
    3.5 mV together; no Q of a quarter of R and .1 mV in two of I, II, aVF, V4-V6; rate 50-100; QRS below
    120 ms; sinus rhythm without ectopic beats.
    """
    leads = twelve(w.amplitude)
    lateral = [0, 1, 9, 10, 11]
    t, st = leads[:, lateral, T], leads[:, lateral, ST]
    qrs = qrs_complex(w)
    r, peak = qrs.max(axis=2), qrs.argmax(axis=2)
    before = np.arange(qrs.shape[2])[None, None, :] < peak[:, :, None]
    q = -np.where(before, qrs, 0.0).min(axis=2)
    q_leads = [0, 1, 5, 9, 10, 11]
    deep = ((q > 0.1) & (q > 0.25 * r))[:, q_leads].sum(axis=1)
    hypertrophy = r[:, 10] - qrs[:, 6].min(axis=1) >= 3.5
    return (
        (t >= 0.05).all(axis=1)
        & (st > -0.05).all(axis=1)
        & (st < 0.1).all(axis=1)
        & ~hypertrophy
        & (deep < 2)
        & (w.rate >= 50.0)
        & (w.rate <= 100.0)
        & (w.qrs_ms < 120.0)
        & ~w.af
        & (w.n_pvc == 0)
        & (w.n_pac == 0)
    )
