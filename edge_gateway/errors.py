"""What can go wrong in a gateway. Nothing here loses a record: each error means "not yet".

GatewayError
├── SettingsError           settings or the attestation key are missing or unsafe; not started
├── StoreError              the disk took nothing: no PUBACK, no receipt, tried again
└── UplinkError             the backend took nothing: kept, alarmed, tried again
    ├── BackendUnreachable  no connection, no answer in time, or 5xx
    │   └── BackendFault    500: it fell over something, perhaps over one of these very records
    ├── BackendBusy         503 or 429; says how long to wait
    ├── BackendRefused      4xx against this gateway: its key, its attestation, its address
    ├── BatchRefused        413 or 422: something in this very batch; it is halved
    └── BadAnswer           a 200 that does not answer what was asked
"""


class GatewayError(Exception):
    """Base of the room."""


class SettingsError(GatewayError):
    pass


class StoreError(GatewayError):
    pass


class UplinkError(GatewayError):
    pass


class BackendUnreachable(UplinkError):
    pass


class BackendFault(BackendUnreachable):
    status = 500


class BackendBusy(UplinkError):
    def __init__(self, words: str, retry_after_s: float) -> None:
        super().__init__(words)
        self.retry_after_s = retry_after_s


class BackendRefused(UplinkError):
    pass


class BatchRefused(UplinkError):
    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


class BadAnswer(UplinkError):
    pass
