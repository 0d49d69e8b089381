"""What helps to test an application that uses this extension."""
