"""Every storage of the package passes the contract that users run on their own."""

from __future__ import annotations

from flask_ocpi.testing.storage_contract import StorageContract


class TestContract(StorageContract):
    """The contract, with the fixture ``storage`` of each storage."""
