"""The way to Discord through a proxy: that of the settings, else that of the environment, as other programs take it."""

from __future__ import annotations

from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from bot.client import api_at
from bot.startup.flags import Stopped
from config.settings import Settings

_HERE = ("127.0.0.1", "localhost", "::1")
_SCHEMES = ("http", "https")  # of the proxies that aiohttp speaks to


def proxy_of(settings: Settings) -> str | None:
    """Its address; None where there is none, or where the environment wants Discord's host without. Raises Stopped."""
    chosen = settings.discord
    if chosen.proxy is not None:
        return str(chosen.proxy)
    api = urlsplit(api_at(None if chosen.endpoint is None else str(chosen.endpoint)))
    proxy = getproxies().get(api.scheme)
    if proxy is None or api.hostname in _HERE or proxy_bypass(api.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if urlsplit(proxy).scheme not in _SCHEMES:
        variable = f"{api.scheme.upper()}_PROXY"
        raise Stopped(f"{variable} names a proxy of another kind than http and https; set discord.proxy to such a one.")
    return proxy
