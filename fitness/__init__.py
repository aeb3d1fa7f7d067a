"""How good a kernel is: policy, sandbox, capture, compiler, oracle, cost model, and the cascade over them."""
