"""Pure array maths: one spelling for NumPy arrays and tensors, no units, no Config."""
