/* Made from the table by python -m autograd.native.generate: do not edit.
   floats.py, rows.py, primitives.py: e207631e192df05007458a9253a4ebcddc462fc3f8002483059192f12c3889de
   NAN, or anything not finite, means: ask the row itself. */

#include <math.h>

static double rules_sigmoid(double a) {
    double e;
    if (a >= 0) return 1.0 / (1.0 + exp(-a));
    e = exp(a);
    return e / (1.0 + e);
}

static double rules_sign(double a) { return a < 0 || a > 0 ? copysign(1.0, a) : a; }

/* Python's % and //: the remainder has the divisor's sign, and the quotient is the integer that belongs to it. */
static double rules_mod(double a, double b) {
    double r = fmod(a, b);
    if (r == 0) return copysign(0.0, b);
    return (r < 0) == (b < 0) ? r : r + b;
}

static double rules_floordiv(double a, double b) {
    double r = fmod(a, b), q = (a - r) / b, whole;
    if (b == 0) return NAN;
    if (r != 0 && (r < 0) != (b < 0)) q -= 1.0;
    if (q == 0) return copysign(0.0, a / b);
    whole = floor(q);
    return q - whole > 0.5 ? whole + 1.0 : whole;
}

static double rules_compute1(int code, double a) {
    switch (code) {
    case 11: return -a;  /* neg */
    case 12: return a;  /* pos */
    case 19: return floor(a);  /* floor */
    case 20: return ceil(a);  /* ceil */
    case 21: return trunc(a);  /* trunc */
    case 22: return rules_sign(a);  /* sign */
    case 23: return fabs(a);  /* abs */
    case 24: return a <= 0 ? 0.0 : a;  /* relu */
    case 29: return exp(a);  /* exp */
    case 30: return expm1(a);  /* expm1 */
    case 31: return exp2(a);  /* exp2 */
    case 32: return log(a);  /* log */
    case 33: return log1p(a);  /* log1p */
    case 34: return log2(a);  /* log2 */
    case 35: return log10(a);  /* log10 */
    case 36: return sqrt(a);  /* sqrt */
    case 37: return cbrt(a);  /* cbrt */
    case 39: return sin(a);  /* sin */
    case 40: return cos(a);  /* cos */
    case 41: return tan(a);  /* tan */
    case 42: return asin(a);  /* asin */
    case 43: return acos(a);  /* acos */
    case 44: return atan(a);  /* atan */
    case 46: return a * 57.29577951308232;  /* degrees */
    case 47: return a * 0.017453292519943295;  /* radians */
    case 48: return sinh(a);  /* sinh */
    case 49: return cosh(a);  /* cosh */
    case 50: return tanh(a);  /* tanh */
    case 51: return asinh(a);  /* asinh */
    case 52: return acosh(a);  /* acosh */
    case 53: return atanh(a);  /* atanh */
    case 54: return erf(a);  /* erf */
    case 55: return erfc(a);  /* erfc */
    case 56: return rules_sigmoid(a);  /* sigmoid */
    case 57: return (a < 0 ? 0.0 : a) + log1p(exp(-fabs(a)));  /* softplus */
    default: return NAN;
    }
}

static double rules_compute2(int code, double a, double b) {
    switch (code) {
    case 7: return a + b;  /* add */
    case 8: return a - b;  /* sub */
    case 9: return a * b;  /* mul */
    case 10: return a / b;  /* div */
    case 13: return pow(a, b);  /* pow */
    case 14: return rules_mod(a, b);  /* mod */
    case 15: return rules_floordiv(a, b);  /* floordiv */
    case 16: return fmod(a, b);  /* fmod */
    case 17: return remainder(a, b);  /* remainder */
    case 25: return copysign(a, b);  /* copysign */
    case 26: return a <= 0 ? b * a : a;  /* leaky_relu */
    case 45: return atan2(a, b);  /* atan2 */
    default: return NAN;
    }
}

static double rules_compute(int code, const double *x, long n) {
    double y = 0.0;
    long i, k;
    switch (code) {
    case 18: y = x[0] != 0 ? x[1] : x[2]; return y;  /* where */
    case 27: y = x[0]; for (i = 1; i < n; i++) if (x[i] > y) y = x[i]; return y;  /* max */
    case 28: y = x[0]; for (i = 1; i < n; i++) if (x[i] < y) y = x[i]; return y;  /* min */
    case 68: for (i = 0; i < n; i++) y += x[i]; return y;  /* sum */
    case 69: n /= 2; for (i = 0; i < n; i++) y += x[i] * x[n + i]; return y;  /* dot */
    case 72: y = 1.0; for (i = 0; i < n; i++) y *= x[i]; return y;  /* prod */
    case 73: for (k = 0, i = 1; i < n; i++) if (x[i] > x[k]) k = i; for (i = 0; i < n; i++) if (i != k) y += exp(x[i] - x[k]); y = x[k] + log1p(y); return y;  /* logsumexp */
    default: return NAN;
    }
}

static double rules_partial1(int code, double y, double a) {
    switch (code) {
    case 11: return -1.0;  /* neg */
    case 12: return 1.0;  /* pos */
    case 19: return 0.0;  /* floor */
    case 20: return 0.0;  /* ceil */
    case 21: return 0.0;  /* trunc */
    case 22: return 0.0;  /* sign */
    case 23: return rules_sign(a);  /* abs */
    case 24: return ((a <= 0.0) ? 0.0 : 1.0);  /* relu */
    case 29: return y;  /* exp */
    case 30: return exp(a);  /* expm1 */
    case 31: return (y * 0.6931471805599453);  /* exp2 */
    case 32: return (1.0 / a);  /* log */
    case 33: return (1.0 / (1.0 + a));  /* log1p */
    case 34: return (1.4426950408889634 / a);  /* log2 */
    case 35: return (0.43429448190325176 / a);  /* log10 */
    case 36: return (0.5 / y);  /* sqrt */
    case 37: return (1.0 / ((3.0 * y) * y));  /* cbrt */
    case 39: return cos(a);  /* sin */
    case 40: return (-sin(a));  /* cos */
    case 41: return (1.0 + (y * y));  /* tan */
    case 42: return (1.0 / sqrt(((1.0 - a) * (1.0 + a))));  /* asin */
    case 43: return (-1.0 / sqrt(((1.0 - a) * (1.0 + a))));  /* acos */
    case 44: return (1.0 / (1.0 + (a * a)));  /* atan */
    case 46: return 57.29577951308232;  /* degrees */
    case 47: return 0.017453292519943295;  /* radians */
    case 48: return cosh(a);  /* sinh */
    case 49: return sinh(a);  /* cosh */
    case 50: return (((y * y) < 0.9) ? (1.0 - (y * y)) : ((2.0 * rules_sigmoid((-2.0 * fabs(a)))) * (1.0 + fabs(y))));  /* tanh */
    case 51: return ((fabs(a) < 1e+150) ? (1.0 / sqrt((1.0 + (a * a)))) : (2.913414348125081e-157 / sqrt((8.487983164e-314 + ((a * 2.913414348125081e-157) * (a * 2.913414348125081e-157))))));  /* asinh */
    case 52: return (1.0 / (sqrt((a - 1.0)) * sqrt((a + 1.0))));  /* acosh */
    case 53: return (1.0 / ((1.0 - a) * (1.0 + a)));  /* atanh */
    case 54: return ((fabs(((a * a) - 512.0)) > 487.0) ? (1.1283791670955126 * exp(((-a) * a))) : (1.1283791670955126 * (exp((-(a * a))) * (1.0 - ((((((a * 134217729.0) - ((a * 134217729.0) - a)) * ((a * 134217729.0) - ((a * 134217729.0) - a))) - (a * a)) + ((2.0 * ((a * 134217729.0) - ((a * 134217729.0) - a))) * (a - ((a * 134217729.0) - ((a * 134217729.0) - a))))) + ((a - ((a * 134217729.0) - ((a * 134217729.0) - a))) * (a - ((a * 134217729.0) - ((a * 134217729.0) - a)))))))));  /* erf */
    case 55: return ((fabs(((a * a) - 512.0)) > 487.0) ? (-1.1283791670955126 * exp(((-a) * a))) : (-1.1283791670955126 * (exp((-(a * a))) * (1.0 - ((((((a * 134217729.0) - ((a * 134217729.0) - a)) * ((a * 134217729.0) - ((a * 134217729.0) - a))) - (a * a)) + ((2.0 * ((a * 134217729.0) - ((a * 134217729.0) - a))) * (a - ((a * 134217729.0) - ((a * 134217729.0) - a))))) + ((a - ((a * 134217729.0) - ((a * 134217729.0) - a))) * (a - ((a * 134217729.0) - ((a * 134217729.0) - a)))))))));  /* erfc */
    case 56: return ((y < 0.9) ? (y * (1.0 - y)) : (y * rules_sigmoid((-a))));  /* sigmoid */
    case 57: return rules_sigmoid(a);  /* softplus */
    case 64: return (0.8862269254527579 * exp((y * y)));  /* erfinv */
    case 65: return ((-a) * y);  /* norm_pdf */
    default: return NAN;
    }
}

static double rules_partial2(int code, long by, double y, double a, double b) {
    switch (code) {
    case 7: return by == 0 ? 1.0 : 1.0;  /* add */
    case 8: return by == 0 ? 1.0 : -1.0;  /* sub */
    case 9: return by == 0 ? b : a;  /* mul */
    case 10: return by == 0 ? (1.0 / b) : ((-y) / b);  /* div */
    case 13: return by == 0 ? ((b >= 0.5) ? (b * pow(a, (b - 1.0))) : ((b == 0.0) ? ((b / ((a == 0.0) ? 1.0 : a)) * y) : ((b * y) / a))) : ((a != 0.0) ? (y * log(a)) : ((b > 1.0) ? y : (pow(a, (b / 2.0)) / ((a == 0.0) ? b : 1.0))));  /* pow */
    case 14: return by == 0 ? 1.0 : (-rules_floordiv(a, b));  /* mod */
    case 15: return by == 0 ? 0.0 : 0.0;  /* floordiv */
    case 16: return by == 0 ? 1.0 : (-floor((((a - y) / b) + 0.5)));  /* fmod */
    case 17: return by == 0 ? 1.0 : (-floor((((a - y) / b) + 0.5)));  /* remainder */
    case 25: return by == 0 ? (rules_sign(a) * copysign(1.0, b)) : 0.0;  /* copysign */
    case 26: return by == 0 ? ((a <= 0.0) ? b : 1.0) : ((a <= 0.0) ? a : 0.0);  /* leaky_relu */
    case 45: return by == 0 ? (((((a * a) + (b * b)) < 1e+280) ? (((a * a) + (b * b)) > 1e-280) : 0.0) ? (b / ((a * a) + (b * b))) : (((fabs(b) < fabs(a)) ? (((fabs(b) < fabs(a)) ? b : a) / ((fabs(b) < fabs(a)) ? a : b)) : 1.0) / (((fabs(b) < fabs(a)) ? a : b) + (((fabs(b) < fabs(a)) ? b : a) * (((fabs(b) < fabs(a)) ? b : a) / ((fabs(b) < fabs(a)) ? a : b)))))) : (((((a * a) + (b * b)) < 1e+280) ? (((a * a) + (b * b)) > 1e-280) : 0.0) ? ((-a) / ((a * a) + (b * b))) : (-(((fabs(a) < fabs(b)) ? (((fabs(a) < fabs(b)) ? a : b) / ((fabs(a) < fabs(b)) ? b : a)) : 1.0) / (((fabs(a) < fabs(b)) ? b : a) + (((fabs(a) < fabs(b)) ? a : b) * (((fabs(a) < fabs(b)) ? a : b) / ((fabs(a) < fabs(b)) ? b : a)))))));  /* atan2 */
    default: return NAN;
    }
}

static void rules_partials(int code, long n, double y, const double *x, double *p) {
    long i, k;
    switch (code) {
    case 18: p[0] = 0.0; p[1] = (x[0] ? 1.0 : 0.0); p[2] = (x[0] ? 0.0 : 1.0); return;  /* where */
    case 27: for (k = 0, i = n; i-- > 0; p[i] = 0.0) if (x[i] == y) k = i; p[k] = 1.0; return;  /* max */
    case 28: for (k = 0, i = n; i-- > 0; p[i] = 0.0) if (x[i] == y) k = i; p[k] = 1.0; return;  /* min */
    case 38: for (i = 0; i < n; i++) { p[i] = ((y != 0.0) ? (x[i] / y) : 0.0); } return;  /* hypot */
    case 68: for (i = 0; i < n; i++) { p[i] = 1.0; } return;  /* sum */
    case 69: n /= 2; for (i = 0; i < n; i++) { p[i] = x[1 * n + i]; p[1 * n + i] = x[i]; } return;  /* dot */
    case 70: for (i = 0; i < n; i++) { p[i] = 1.0; } return;  /* fsum */
    case 71: n /= 2; for (i = 0; i < n; i++) { p[i] = x[1 * n + i]; p[1 * n + i] = x[i]; } return;  /* sumprod */
    case 72: for (y = 1.0, i = 0; i < n; y *= x[i++]) p[i] = y; for (y = 1.0, i = n; i-- > 0; y *= x[i]) p[i] *= y; return;  /* prod */
    case 73: for (k = 0, i = 1; i < n; i++) if (x[i] > x[k]) k = i; for (y = 0.0, i = 0; i < n; i++) y += p[i] = exp(x[i] - x[k]); for (i = 0; i < n; i++) p[i] /= y; return;  /* logsumexp */
    default: for (i = 0; i < n; i++) p[i] = NAN; return;
    }
}

/* Whether a partial of 0 is the integer 0, which says that the operand does not matter. */

static int rules_dead1(int code, double y, double a) {
    switch (code) {
    case 19: return 1;  /* floor */
    case 20: return 1;  /* ceil */
    case 21: return 1;  /* trunc */
    case 22: return 1;  /* sign */
    case 24: return ((a <= 0.0) ? 1 : 0);  /* relu */
    default: return 0;
    }
}

static int rules_dead2(int code, long by, double y, double a, double b) {
    switch (code) {
    case 15: return by == 0 ? 1 : 1;  /* floordiv */
    case 25: return by == 0 ? 0 : 1;  /* copysign */
    case 26: return by == 0 ? 0 : ((a <= 0.0) ? 0 : 1);  /* leaky_relu */
    default: return 0;
    }
}

static int rules_dead(int code, long by, long n, double y, const double *x) {
    switch (code) {
    case 18: return by == 0 ? 1 : by == 1 ? (x[0] ? 0 : 1) : (x[0] ? 1 : 0);  /* where */
    case 27: return 1;  /* max */
    case 28: return 1;  /* min */
    case 38: return ((y != 0.0) ? 0 : 1);  /* hypot */
    default: return 0;
    }
}
