"""Language models as operators: requests, replies, and what is made of them."""
