/* The layout self-test. */
#ifndef LEAKHUNT_SELFTEST_H
#define LEAKHUNT_SELFTEST_H

int lk_self_test(void);

#endif
