"""Tables as HTTP answers: a CSV file to save, whose text `backend.spreadsheet` has written."""

from fastapi.responses import PlainTextResponse


class Csv(PlainTextResponse):
    """A table under a name of its own, without which a browser shows it instead of saving it."""

    media_type = "text/csv"

    # The API's description takes the status from this signature.
    def __init__(self, text: str, name: str, status_code: int = 200) -> None:
        headers = {"Content-Disposition": f'attachment; filename="{name}.csv"'}
        super().__init__(text, status_code, headers)
