"""joblib's Dask backend, with an end for pieces whose workers keep dying; imported only when a cluster is named."""

from __future__ import annotations

import asyncio
from typing import Any

from joblib._dask import DaskDistributedBackend

from ccta_lib.errors import CctaError


class ClusterBackend(DaskDistributedBackend):
    """joblib's backend, without two habits of it.

    It waits for ever on a task that Dask gives up (`KilledWorker`), and computes in the client when the cluster has a
    single worker.
    """

    def configure(self, *args: Any, **options: Any) -> int:
        """Return the number of tasks to keep in flight."""
        return max(2, super().configure(*args, **options))

    async def _collect(self) -> None:
        while self._continue:
            async for future, result in self.waiting_futures:
                waiting, callback = self._results.pop(future), self._callbacks.pop(future)
                if future.status == "error":
                    result = CctaError(
                        f"the cluster gave a piece up ({type(result[1]).__name__}: {result[1]}); "
                        "run the same command again, it goes on from there, perhaps with more memory per worker"
                    )
                waiting.set_result(result)
                callback(result)
            await asyncio.sleep(0.01)

    def retrieve_result_callback(self, out: Any) -> Any:
        """Return a piece's result, or raise what became of it."""
        if isinstance(out, BaseException):
            raise out
        return super().retrieve_result_callback(out)
