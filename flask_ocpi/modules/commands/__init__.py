"""Commands: what an eMSP asks the charge points of a CPO to do."""
