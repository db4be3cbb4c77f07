/*
 * mathd.h: elementary functions in double, of +, -, *, / only, so that they give the same bits everywhere; for tables
 * that are made once (rope). Errors stay below 1e-14 relative (sin, cos: absolute) in the ranges stated.
 */
#ifndef MAI_COMPUTE_MATHD_H
#define MAI_COMPUTE_MATHD_H

double mathd_exp(double x);        /* |x| <= 700 */
double mathd_log(double x);        /* normal x > 0 */
double mathd_pow(double x, double y); /* exp(y log x) */
double mathd_floor(double x);      /* |x| < 2^52 */

/* |x| <= 2^27: the reduction by pi/2 keeps 1e-14 there. */
void mathd_sincos(double x, double *sin, double *cos);

#endif
