"""What goes over the wire: the body of a request, checked, and the bodies of the answers."""

from typing import Annotated, Any

import numpy as np
from pydantic import AliasChoices, BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from spectus.denovo.constraints import Target
from spectus.denovo.elucidate import Constraint
from spectus.denovo.encoding import unusable
from spectus.denovo.modeling import SpectusConfig
from spectus.errors import InputError
from spectus.library.peaks import Peaks, clean_peaks
from spectus.serve.limits import Limits
from spectus.serve.predictions import Prediction, Status

_EXAMPLE: JsonDict = {
    "mz": [39, 50, 51, 52, 63, 74, 76, 77, 78, 79],
    "intensity": [130, 159, 188, 195, 29, 40, 28, 155, 1000, 64],
    "num_candidates": 5,
}
_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class PredictionRequest(BaseModel):
    """An EI spectrum to translate into structures. Keys that are not named here are passed over."""

    model_config = ConfigDict(strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    mz: list[_Positive] = Field(min_length=1, description="m/z of the peaks, Th, in any order")
    intensity: list[_Positive] = Field(min_length=1, description="intensity of the same peaks, in any unit")
    num_candidates: int = Field(
        default=10,
        ge=1,
        validation_alias=AliasChoices("num_candidates", "topk"),
        description="most structures of the answer (older clients call it topk)",
    )

    formula: str | None = Field(
        default=None, max_length=100, description="hold the structures to this molecular formula, e.g. C6H6"
    )
    mass: int | None = Field(default=None, description="hold the structures to this nominal mass")

    def target(self) -> Target | None:
        """What the structures are held to. Raises InputError."""
        return Constraint(self.formula, self.mass).target()

    def problem(self, limits: Limits, config: SpectusConfig) -> str | None:
        """Why the request cannot be served with these limits by this model; None if it can."""
        if len(self.mz) != len(self.intensity):
            return f"mz holds {len(self.mz)} values, intensity {len(self.intensity)}; give one intensity for each m/z"
        if len(self.mz) > limits.max_peaks:
            return f"{len(self.mz)} peaks are more than the {limits.max_peaks} taken here; leave out the lowest"
        if self.num_candidates > limits.max_candidates:
            return f"num_candidates is {self.num_candidates}; this server gives {limits.max_candidates} at most"
        if self.formula is not None and self.mass is not None:
            return "give a formula or a mass, not both"
        try:
            self.target()
        except InputError as error:
            return str(error)
        row = self.spectrum()
        reason = row["reason"] or unusable(row["mz"], config)
        return None if reason is None else str(reason)

    def spectrum(self) -> dict[str, Any]:
        """The columns `mz`, `intensity` and `reason` of a row of the SPECTRA schema, as the command line reads them:
        ascending, each m/z once, base peak 1.0. So a spectrum has one answer, wherever it is asked for."""
        with np.errstate(over="ignore"):  # beyond float32 is infinity, which has a reason of its own
            mz, intensity = np.array(self.mz).astype(np.float32), np.array(self.intensity).astype(np.float32)
        peaks = clean_peaks(Peaks(mz, intensity, np.array([0, len(mz)]), [None]))
        return {"mz": peaks.mz.tolist(), "intensity": peaks.intensity.tolist(), "reason": peaks.reasons[0]}


class Accepted(BaseModel):
    """A request that was accepted; its answer is fetched by this id."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"id": "mJ0m0u1SqJkQJwYlC0rKUw"}]})

    id: str = Field(description="ask for /predictions/{id}")


class PredictionAnswer(BaseModel):
    """Where a request stands, and its answer once there is one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "mJ0m0u1SqJkQJwYlC0rKUw",
                    "status": "completed",
                    "result": {"c1ccccc1": 0.89, "c1ccncc1": 0.065},
                    "reason": None,
                }
            ]
        }
    )

    id: str
    status: Status
    result: dict[str, float] | None = Field(
        description="when completed: canonical SMILES without stereochemistry, each with the probability that the model"
        " gives the molecule (of all strings found that mean it), falling"
    )
    reason: str | None = Field(description="when failed: why there is no result")

    @classmethod
    def of(cls, prediction: Prediction) -> "PredictionAnswer":
        status = prediction.status  # read first: it is written last
        return cls(id=prediction.id, status=status, result=prediction.result, reason=prediction.reason)


class Health(BaseModel):
    """What answers here, and how busy it is."""

    status: str = Field(description="'ok', or 'failed' if nothing is decoded any more")
    version: str = Field(description="of spectus")
    model: str = Field(description="name of the model")
    sha256: str = Field(description="of the model's weights")
    device: str
    max_mz: int = Field(description="highest m/z the model takes, Th")
    max_peaks: int = Field(description="most peaks of a spectrum")
    max_candidates: int = Field(description="most structures one request may ask for")
    waiting: int = Field(description="requests that wait")
    running: int = Field(description="requests that are decoded now")
    kept: int = Field(description="answers that can still be fetched")


class Problem(BaseModel):
    """Why a request was refused."""

    detail: str
