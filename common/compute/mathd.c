#include "compute/mathd.h"

#include <stdint.h>
#include <string.h>

static double
nearest(double x)
{
	/* Adding 1.5 * 2^52 leaves no bits for a fraction: rounds to nearest even. */
	const double big = 6755399441055744.0;

	return (x + big) - big;
}

double
mathd_floor(double x)
{
	double n = nearest(x);

	return n > x ? n - 1 : n;
}

/* 2^n for -1022 <= n <= 1023 */
static double
power_of_two(int n)
{
	uint64_t u = (uint64_t)(n + 1023) << 52;
	double d;

	memcpy(&d, &u, sizeof d);
	return d;
}

/* ln 2 in parts of 33 bits: the product of the first with a small whole number is exact. */
static const double ln2_1 = 0x1.62e42feep-1, ln2_2 = 0x1.a39ef35793c76p-33;

double
mathd_exp(double x)
{
	double k = nearest(x * 0x1.71547652b82fep+0); /* 1/ln 2 */
	double r = (x - k * ln2_1) - k * ln2_2;
	double sum = 1;

	/* |r| <= 0.35: the Taylor series, from its small end; 0.35^16/16! is below 1e-20 */
	for (int n = 16; n >= 1; n--)
		sum = 1 + sum * r / n;
	return sum * power_of_two((int)k);
}

double
mathd_log(double x)
{
	uint64_t u;
	int e;
	double m;

	memcpy(&u, &x, sizeof u);
	e = (int)(u >> 52) - 1023;
	u = (u & 0xfffffffffffff) | (uint64_t)1023 << 52;
	memcpy(&m, &u, sizeof m);
	if (m > 1.4142135623730951) {
		m /= 2;
		e++;
	}
	/* log m = 2 atanh(s), |s| <= 0.172; s^26/27 is below 1e-20 */
	double s = (m - 1) / (m + 1), s2 = s * s, sum = 0;
	for (int n = 25; n >= 1; n -= 2)
		sum = sum * s2 + 1.0 / n;
	return e * ln2_1 + (e * ln2_2 + 2 * s * sum);
}

double
mathd_pow(double x, double y)
{
	return mathd_exp(y * mathd_log(x));
}

void
mathd_sincos(double x, double *sin, double *cos)
{
	/* pi/2 in parts of 26 bits: their products with k, below 2^27, are exact */
	static const double pio2_1 = 0x1.921fb5p+0, pio2_2 = 0x1.110b46p-26, pio2_3 = 0x1.1a6263p-54,
	                    pio2_4 = 0x1.8a2e03707344ap-81;
	double k = nearest(x * 0x1.45f306dc9c883p-1); /* 2/pi */
	double r = (((x - k * pio2_1) - k * pio2_2) - k * pio2_3) - k * pio2_4;
	double r2 = r * r, s = 0, c = 0;

	/* |r| <= 0.79: 0.79^22/22! is below 1e-22 */
	for (int n = 20; n >= 2; n -= 2) {
		s = (s + 1) * -r2 / (n * (n + 1));
		c = (c + 1) * -r2 / ((n - 1) * n);
	}
	s = r + r * s;
	c = 1 + c;
	switch ((int64_t)k & 3) {
	case 0: *sin = s, *cos = c; break;
	case 1: *sin = c, *cos = -s; break;
	case 2: *sin = -s, *cos = -c; break;
	case 3: *sin = -c, *cos = s; break;
	}
}
