"""The bodies of requests, with their checks, and the bodies of answers."""

from typing import Annotated, Any

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from spectus.denovo.constraints import Target, target_of
from spectus.denovo.encoding import untranslatable
from spectus.denovo.modeling import SpectusNetworkConfig
from spectus.errors import InputError
from spectus.library.peaks import Peaks, clean_peaks
from spectus.serve.limits import ServerLimits
from spectus.serve.predictions import Prediction, Status

_EXAMPLE: JsonDict = {
    "mz": [39, 50, 51, 52, 63, 74, 76, 77, 78, 79],
    "intensity": [130, 159, 188, 195, 29, 40, 28, 155, 1000, 64],
    "num_candidates": 5,
}
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PredictionRequest(BaseModel):
    """An EI spectrum for which structures are requested. Unknown keys are ignored."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    mz: list[_Positive] = Field(min_length=1, description="m/z of the peaks, Th, in any order")
    intensity: list[_Positive] = Field(min_length=1, description="intensity of the same peaks, in any unit")
    num_candidates: int = Field(
        default=10,
        ge=1,
        validation_alias=AliasChoices("num_candidates", "topk"),
        description="largest number of structures in the answer (older clients call it topk)",
    )

    formula: str | None = Field(
        default=None, max_length=100, description="return only structures of this molecular formula, e.g. C6H6"
    )
    mass: int | None = Field(default=None, description="return only structures of this nominal mass")

    def target(self) -> Target | None:
        """Return the formula or mass that the structures must have; None if there is none.

        Raises
        ------
        InputError
            The formula or the mass is invalid.
        """
        return target_of(self.formula, self.mass)

    def problem(self, limits: ServerLimits, config: SpectusNetworkConfig) -> str | None:
        """Return the reason why this server refuses the request; None if it accepts it.

        Parameters
        ----------
        limits : ServerLimits
            Settings of the server.
        config : SpectusNetworkConfig
            Settings of the model.
        """
        if len(self.mz) != len(self.intensity):
            return f"mz holds {len(self.mz)} values, intensity {len(self.intensity)}; give one intensity for each m/z"
        if len(self.mz) > limits.max_peaks:
            return f"{len(self.mz)} peaks are more than this server accepts ({limits.max_peaks}); remove the lowest"
        if self.num_candidates > limits.max_candidates:
            return f"num_candidates is {self.num_candidates}; this server returns at most {limits.max_candidates}"
        if self.formula is not None and self.mass is not None:
            return "give a formula or a mass, not both"
        try:
            self.target()
        except InputError as error:
            return str(error)
        row = self.spectrum()
        reason = row["reason"] or untranslatable(row["mz"], config)
        return None if reason is None else str(reason)

    def spectrum(self) -> dict[str, Any]:
        """Return the spectrum as the command line would read it, so that both give the same answer.

        Returns
        -------
        dict
            Columns `mz` (ascending, each m/z once), `intensity` (base peak 1.0) and `reason` of the SPECTRA schema.
        """
        with np.errstate(over="ignore"):  # a value beyond float32 becomes infinity, which clean_peaks refuses
            mz, intensity = np.array(self.mz).astype(np.float32), np.array(self.intensity).astype(np.float32)
        peaks = clean_peaks(Peaks(mz, intensity, np.array([0, len(mz)]), [None]))
        return {"mz": peaks.mz.tolist(), "intensity": peaks.intensity.tolist(), "reason": peaks.reasons[0]}


class Accepted(BaseModel):
    """The id of an accepted request."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "mJ0m0u1SqJkQJwYlC0rKUw"}]})

    id: str = Field(description="the answer is at /predictions/{id}")


class PredictionAnswer(BaseModel):
    """The state of a request, and its result once it is completed."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "mJ0m0u1SqJkQJwYlC0rKUw",
                    "status": "completed",
                    "result": {"c1ccccc1": 0.89, "c1ccncc1": 0.065},
                    "reason": None,
                    "note": None,
                }
            ]
        }
    )

    id: str
    status: Status
    result: dict[str, float] | None = Field(
        description="if completed: canonical SMILES without stereochemistry, each with the probability that the model"
        " gives to the molecule (sum over the decoded strings of the molecule), highest first"
    )
    reason: str | None = Field(description="if failed: why there is no result")
    note: str | None = Field(description="peaks that the model could not take; null if it took all")

    @classmethod
    def of(cls, prediction: Prediction) -> "PredictionAnswer":
        """Return the answer that describes a request as it is now."""
        status = prediction.status  # read first, because it is written last
        return cls(
            id=prediction.id, status=status, result=prediction.result, reason=prediction.reason, note=prediction.note
        )


class Health(BaseModel):
    """The state of the server."""

    status: str = Field(description="'ok', or 'failed' if a worker has stopped")
    version: str = Field(description="of spectus")
    model: str = Field(description="name of the model")
    sha256: str = Field(description="of the model's weights")
    device: str
    max_mz: int = Field(description="highest m/z that the model accepts, Th")
    max_peaks: int = Field(description="largest number of peaks of a spectrum")
    max_candidates: int = Field(description="largest number of structures of one request")
    waiting: int = Field(description="waiting requests")
    running: int = Field(description="requests that are being decoded")
    kept: int = Field(description="stored answers")
    identifications: dict[str, int] = Field(description="jobs of identification by status")
    runs: dict[str, int] = Field(description="raw runs by status")


class Problem(BaseModel):
    """The reason why a request was refused."""

    detail: str
