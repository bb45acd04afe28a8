"""What can go wrong: training errors end up in `/opt/ml/output/failure`, request errors in an answer."""


class ClientError(Exception):
    """The job's own input is at fault: a hyperparameter, a channel, the submitted code."""


class ProgramError(ClientError):
    """The user's program, or the installation of what it needs, ended with a status other than 0."""

    def __init__(self, kind: str, code: int, output: str, command: list[str]) -> None:
        super().__init__(f'{kind}:\nExitCode {code}\nErrorMessage "{output}"\nCommand "{" ".join(command)}"')
        self.code = code


class RequestError(Exception):
    """A request that cannot be answered; `status` is the HTTP status."""

    status = 400


class UnsupportedContentTypeError(RequestError):
    """Nothing here reads this Content-Type."""

    status = 415

    def __init__(self, content_type: str, known: list[str]) -> None:
        super().__init__(f"Content-Type {content_type!r} is not supported; send one of {', '.join(known)}")


class NotAcceptableError(RequestError):
    """Nothing here writes this Accept type."""

    status = 406

    def __init__(self, accept: str, known: list[str]) -> None:
        super().__init__(f"Accept {accept!r} is not supported; ask for one of {', '.join(known)}")
