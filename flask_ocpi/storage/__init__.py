"""Where documents live: the interface that users replace, and the storages that come with the package."""
