/* The double functions against the C library's. */
#include <math.h>

#include "tap.h"
#include "compute/mathd.h"

int
main(void)
{
	double trig = 0, e = 0, l = 0, fl = 0;

	for (int i = -500000; i < 500000; i++) {
		double x = i * 267.1, s, c;
		mathd_sincos(x, &s, &c);
		trig = fmax(trig, fmax(fabs(s - sin(x)), fabs(c - cos(x))));
		x = i * 1.39e-3;
		e = fmax(e, fabs(mathd_exp(x) / exp(x) - 1));
		fl = fmax(fl, fabs(mathd_floor(x) - floor(x)));
		x = exp(i * 1.39e-3);
		l = fmax(l, fabs(mathd_log(x) - log(x)) / (fabs(log(x)) + 1e-3));
	}
	tap_ok(trig < 1e-14, "sin and cos to 2^27: %.1e", trig);
	tap_ok(e < 1e-14, "exp: %.1e", e);
	tap_ok(l < 1e-14, "log: %.1e", l);
	tap_ok(fl == 0, "floor");
	return tap_done();
}
