"""What the host application calls: its objects, results, prices, partners."""
