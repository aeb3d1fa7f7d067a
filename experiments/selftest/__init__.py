"""`kernevo doctor --device`: whether a GPU's judge judges as it should, told in tables that can be sent."""
