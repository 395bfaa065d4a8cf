"""What is added to the transformer: LoRAs and ControlNets."""
