"""The descriptor network: its layers, its weights, its folder, its descriptors."""
