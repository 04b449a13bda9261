/* Functions that libceres.a names for solvers which the fits never choose: sparse matrices (SuiteSparse, CXSparse) and
 * LAPACK. A call ends the process loudly instead of going astray. */
#include <stdio.h>
#include <stdlib.h>

#define NEVER_CALLED(name)                                                     \
  void name(void);                                                             \
  void name(void) {                                                            \
    fputs("crosslaw: " #name " is not part of this build of Ceres\n", stderr); \
    abort();                                                                   \
  }

NEVER_CALLED(cholmod_amd)
NEVER_CALLED(cholmod_analyze)
NEVER_CALLED(cholmod_analyze_p)
NEVER_CALLED(cholmod_camd)
NEVER_CALLED(cholmod_factorize)
NEVER_CALLED(cholmod_finish)
NEVER_CALLED(cholmod_free_dense)
NEVER_CALLED(cholmod_free_factor)
NEVER_CALLED(cholmod_free_sparse)
NEVER_CALLED(cholmod_print_common)
NEVER_CALLED(cholmod_solve)
NEVER_CALLED(cholmod_start)
NEVER_CALLED(cholmod_triplet_to_sparse)
NEVER_CALLED(cholmod_zeros)
NEVER_CALLED(cs_di_amd)
NEVER_CALLED(cs_di_calloc)
NEVER_CALLED(cs_di_chol)
NEVER_CALLED(cs_di_cholsol)
NEVER_CALLED(cs_di_compress)
NEVER_CALLED(cs_di_counts)
NEVER_CALLED(cs_di_cumsum)
NEVER_CALLED(cs_di_etree)
NEVER_CALLED(cs_di_free)
NEVER_CALLED(cs_di_ipvec)
NEVER_CALLED(cs_di_lsolve)
NEVER_CALLED(cs_di_ltsolve)
NEVER_CALLED(cs_di_malloc)
NEVER_CALLED(cs_di_multiply)
NEVER_CALLED(cs_di_nfree)
NEVER_CALLED(cs_di_pinv)
NEVER_CALLED(cs_di_post)
NEVER_CALLED(cs_di_pvec)
NEVER_CALLED(cs_di_schol)
NEVER_CALLED(cs_di_sfree)
NEVER_CALLED(cs_di_spfree)
NEVER_CALLED(cs_di_symperm)
NEVER_CALLED(cs_di_transpose)
NEVER_CALLED(dgeqrf_)
NEVER_CALLED(dormqr_)
NEVER_CALLED(dpotrf_)
NEVER_CALLED(dpotrs_)
NEVER_CALLED(dtrtrs_)
