"""An executable paper: coronary stenosis on CT angiography, estimated from the 12-lead ECG."""

from importlib.metadata import version

__version__ = version("ccta-lib")
