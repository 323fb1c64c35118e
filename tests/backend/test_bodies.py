"""A body that is no text has an answer of the API's own."""

from tests.backend.village import Town


def test_a_body_that_is_no_utf8_is_a_documented_answer(small_town: Town) -> None:
    clerk = small_town.browser("clerk")

    for body in (b"\xff\xfe", b"[" * 200_000):
        answer = clerk.post(
            "/v1/people", content=body, headers={"Content-Type": "application/json"}
        )
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_input"), body[:9]
