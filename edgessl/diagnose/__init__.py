"""What the features of a network are like, judged without training anything."""
