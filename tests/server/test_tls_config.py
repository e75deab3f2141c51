from __future__ import annotations

import pytest
from pydantic import ValidationError

from siprecord.server.tls_config import TlsConfig


def test_tls_settings_must_be_whole() -> None:
    with pytest.raises(ValidationError, match="needs client_ca"):
        TlsConfig(require_client_certificate=True)
    with pytest.raises(ValidationError, match="certificate is not"):
        TlsConfig.model_validate({"key": "k.pem"})
    with pytest.raises(ValidationError, match="client_crl needs client_ca"):
        TlsConfig.model_validate({"client_crl": "crl.pem"})
