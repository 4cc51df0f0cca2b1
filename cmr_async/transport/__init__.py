"""HTTP exchanges with the API over aiohttp: the only client-side package that knows sockets."""
