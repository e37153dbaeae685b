"""What a customer sees and may ask of an order: pages, downloads, a corrected address, opinions."""
