"""Tables as HTTP answers: a CSV file to save, whose text `backend.spreadsheet` has written."""

from fastapi.responses import PlainTextResponse


class Csv(PlainTextResponse):
    """A table under a name of its own, without which a browser shows it instead of saving it."""

    media_type = "text/csv"

    def __init__(self, text: str, name: str) -> None:
        super().__init__(
            text, headers={"Content-Disposition": f'attachment; filename="{name}.csv"'}
        )
