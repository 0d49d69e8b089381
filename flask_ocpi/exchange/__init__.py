"""One request and its parts: context, handlers, messages, findings, results that come later."""
