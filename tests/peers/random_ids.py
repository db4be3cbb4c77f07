#!/usr/bin/python3
"""random_ids.py VOCABULARY N: N sequences of 1 to 200 random ids below VOCABULARY, a line each; the same ones each time."""
import random
import sys

r = random.Random(20)
lengths = [1, 200, 64, 65] + [r.randint(1, 200) for _ in range(46)]
for n in lengths[:int(sys.argv[2])]:
    print(*[r.randrange(int(sys.argv[1])) for _ in range(n)])
