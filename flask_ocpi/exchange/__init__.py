"""One request and what belongs to it: context, handlers, messages, findings, results that come later."""
