"""The tests that every storage must pass: subclass StorageContract and give it a fixture named ``storage``.

::

    class TestMyStorage(StorageContract):
        @pytest.fixture
        def storage(self, tmp_path):
            storage = MyStorage(tmp_path)
            storage.setup()
            return storage

The fixture gives an empty storage that keeps the kinds "locations" and "platforms". Only pytest is needed.
"""

from __future__ import annotations

from flask_ocpi.testing.storage_contract.bulk import BulkContract
from flask_ocpi.testing.storage_contract.lists import ListContract
from flask_ocpi.testing.storage_contract.parallel import ClaimContract
from flask_ocpi.testing.storage_contract.parallel import ParallelContract
from flask_ocpi.testing.storage_contract.records import RecordContract
from flask_ocpi.testing.storage_contract.records import TransactionContract

__all__ = ["StorageContract"]


class StorageContract(RecordContract, ListContract, TransactionContract, ParallelContract, ClaimContract, BulkContract):
    """Every rule of :class:`flask_ocpi.storage.base.Storage` as a test."""
