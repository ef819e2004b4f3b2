"""Weights are found on this machine, and where none can be fetched the error says what helps."""

from __future__ import annotations

import socket
import urllib.request

import huggingface_hub.constants
import pytest

from uhscm_core.support import hub


@pytest.fixture
def no_proxy(monkeypatch):
    monkeypatch.setattr(urllib.request, "getproxies", dict)


def test_local_weights_are_found_with_any_suffix_of_weights(home):
    assert hub.find_local_weights("ViT-B-16.openai") is None
    folder = home / "weights"
    folder.mkdir(parents=True)
    (folder / "ViT-B-16.openai.txt").touch()
    (folder / "ViT-B-16.laion.pt").touch()
    (folder / "ViT-B-16.openai.safetensors.part").touch()
    assert hub.find_local_weights("ViT-B-16.openai") is None
    for suffix in reversed(hub.WEIGHT_SUFFIXES):  # the first suffix of the list wins
        (folder / f"ViT-B-16.openai{suffix}").touch()
        assert hub.find_local_weights("ViT-B-16.openai") == folder / f"ViT-B-16.openai{suffix}"


def test_the_network_is_down_where_the_hub_has_no_address(monkeypatch, no_proxy):
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "https://mirror.example:8443/hf")
    asked = []

    def unknown(host, port):
        asked.append(host)
        raise socket.gaierror(-3, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert hub.network_is_down()
    assert asked == ["mirror.example"]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    assert not hub.network_is_down()


def test_behind_a_proxy_no_name_is_looked_up(monkeypatch):
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://proxy:3128"})
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert not hub.network_is_down()


def test_the_error_says_what_to_fetch_and_where_to_put_it(home):
    error = hub.missing_weights("RN50 (openai)", "'timm/x' from Hugging Face", "RN50.openai", "why")
    assert isinstance(error, ConnectionError)
    text = str(error)
    assert "the weights of RN50 (openai) could not be fetched (why)" in text
    assert "fetch 'timm/x' from Hugging Face" in text
    assert f"put the file here as {home}/weights/RN50.openai.safetensors" in text
    assert hub.find_local_weights("RN50.openai") is None
    (home / "weights").mkdir(parents=True)
    (home / "weights/RN50.openai.safetensors").touch()  # what it says helps
    assert hub.find_local_weights("RN50.openai") is not None
