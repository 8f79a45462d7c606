"""A mail is signed with DKIM as it leaves, byte by byte; whoever changes it on the way breaks the signature."""

from __future__ import annotations

import shutil
import subprocess
from base64 import b64encode
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

import dkim
import pytest

from activities.postman import Smtp, SmtpTransport
from activities.sealing import Dkim
from models.errors import WrongSetting
from models.words import LANGUAGES
from settings import Settings
from tests.mail.conftest import Filing
from tests.mail.server import NAME, Postbox, listening
from worker import seal_of
from workplace import Workplace

DOMAIN, SELECTOR = "amedip.example", "letters1"
SIGNED = {"from", "to", "subject", "date", "message-id", "auto-submitted", "reply-to", "in-reply-to", "content-language"}


def made(folder: Path, bits: int = 2048, form: str = "pkcs8") -> tuple[bytes, bytes]:
    """A private key in PEM and the public one as the DNS publishes it."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the keys of the tests, is not installed")
    key = folder / f"{bits}-{form}.pem"
    subprocess.run(
        [openssl, "genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", key],
        check=True,
        capture_output=True,
    )
    if form == "pkcs1":
        subprocess.run([openssl, "rsa", "-in", key, "-traditional", "-out", key], check=True, capture_output=True)
    public = subprocess.run([openssl, "pkey", "-in", key, "-pubout", "-outform", "DER"], check=True, capture_output=True).stdout
    return key.read_bytes(), b64encode(public)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, bytes]:
    """A pair of keys made for these tests."""
    return made(tmp_path_factory.mktemp("keys"))


def verified(message: bytes, public: bytes) -> bool:
    """Whether a message has a good signature of the domain, with the key that its DNS publishes."""

    def published(name: bytes, timeout: float = 0) -> bytes:
        assert name.decode().rstrip(".") == f"{SELECTOR}._domainkey.{DOMAIN}"
        return b"v=DKIM1; k=rsa; p=" + public

    return bool(dkim.verify(message, dnsfunc=published))


async def test_a_letter_leaves_signed_in_every_language_and_a_changed_one_is_found_out(
    filing: Filing, workplace: Workplace, keys: tuple[bytes, bytes]
) -> None:
    private, public = keys
    box = Postbox()
    async with listening(box) as port:
        for language in LANGUAGES:
            file = await filing(language)
            mail = (await file.mail("ask_host_agreement")).model_copy(update={"message_id": f"<{language}@amedip.example>"})
            await workplace.readmodel.publish(file.case, [mail])
        transport = SmtpTransport(Smtp(host=NAME, port=port, timeout=5), Dkim(DOMAIN, SELECTOR, private))
        assert await workplace.postman(transport, "").deliver() == len(LANGUAGES)
    for taken in box.taken:
        assert verified(taken.content, public)
        signature = message_from_bytes(taken.content, EmailMessage, policy=SMTP)["DKIM-Signature"]
        fields = dict(part.strip().split("=", 1) for part in str(signature).split(";"))
        assert set("".join(fields["h"].split()).split(":")) >= SIGNED
        for name, old, new in (("subject", b"Subject: ", b"Subject: x"), ("body", b"https://", b"https://x")):
            assert not verified(taken.content.replace(old, new, 1), public), name
        assert not verified(taken.content.replace(b"Subject: ", b"Subject: second\r\nSubject: ", 1), public)


@pytest.mark.parametrize("form", ["pkcs8", "pkcs1"])
def test_a_key_is_taken_in_both_forms_of_pem(tmp_path: Path, form: str) -> None:
    private, public = made(tmp_path, 1024, form)
    message = b"From: a@amedip.example\r\nTo: b@poste-sn.example\r\nSubject: x\r\n\r\nbody\r\n"
    assert verified(Dkim(DOMAIN, SELECTOR, private).signed(message), public)


def test_a_key_that_cannot_sign_is_refused_before_the_first_mail(tmp_path: Path) -> None:
    short, _ = made(tmp_path, 512)
    for key, says in ((b"-----BEGIN PRIVATE KEY-----\nbm8=\n-----END PRIVATE KEY-----\n", "not an RSA key"), (short, "512 bits")):
        with pytest.raises(ValueError, match=says):
            Dkim(DOMAIN, SELECTOR, key)


def test_the_key_is_taken_from_its_file_and_a_wrong_one_stops_the_worker(tmp_path: Path, keys: tuple[bytes, bytes]) -> None:
    file = tmp_path / "dkim.pem"
    named = Settings(dkim_domain=DOMAIN, dkim_selector=SELECTOR, dkim_key_file=file)
    file.write_bytes(keys[0])
    seal = seal_of(named)
    assert seal is not None
    assert verified(seal.signed(b"From: a@amedip.example\r\n\r\nbody\r\n"), keys[1])
    file.write_bytes(made(tmp_path, 512)[0])
    with pytest.raises(WrongSetting, match=r"PASSERELLE_DKIM_KEY_FILE: .*512 bits"):
        seal_of(named)
    assert seal_of(Settings()) is None
