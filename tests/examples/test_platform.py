"""``examples/platform.py`` is what deployments start; the platform itself is tested with the sandbox."""

from __future__ import annotations

from pathlib import Path


def test_the_example_makes_the_platform_that_the_environment_describes(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FLASK_INSTANCE_PATH", str(tmp_path / "data"))
    monkeypatch.setenv("FLASK_OCPI_BASE_URL", "https://cpo.example.com")
    monkeypatch.setenv(
        "FLASK_OCPI_PARTIES",
        '[{"country_code": "BE", "party_id": "BEC", "roles": ["EMSP"], "business_details": {"name": "Bec"}}]',
    )
    from examples.platform import create_app

    app = create_app({"OCPI_DISPATCHER": "none"})

    settings = app.extensions["ocpi"].services.settings
    assert (settings.parties[0].country_code, settings.base_url) == ("BE", "https://cpo.example.com")
    assert Path(app.instance_path) == tmp_path / "data"
