"""The one exception a user may meet: which input, what is wrong, what to do."""


class InputError(Exception):
    """Something a user gave cannot be used. The command line prints it as one line and exits with code 2.

    Parameters
    ----------
    source: the file, folder, option or record at fault, as the user wrote it.
    problem: what is wrong with it, without a full stop.
    remedy: what to do about it, without a full stop.
    """

    def __init__(self, source: object, problem: str, remedy: str) -> None:
        self.source, self.problem, self.remedy = str(source), problem, remedy
        super().__init__(f"{source}: {problem}; {remedy}")

    def __reduce__(self) -> tuple[type["InputError"], tuple[str, str, str]]:
        """Travel whole between processes: by default only `args`, the joined text, would."""
        return type(self), (self.source, self.problem, self.remedy)
