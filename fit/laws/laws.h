#pragma once

#include "fit/laws/law.h"

// One function a law, each defined in the file of that name.
namespace crosslaw::fit {

// L = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022, approach 3; arXiv 2407.02118, Eq. 1).
const Law& chinchilla_law();

// L = E + A/N^alpha + B/(D^beta N^gamma) (arXiv 2407.02118, Eq. 4); gamma may have either sign.
const Law& extended_law();

// Scratch points follow the chinchilla law, continued points the extended law with coefficients
// of their own for the data term; E, A and alpha are shared (arXiv 2407.02118, section 4).
const Law& joint_law();

// L = E + (A/N^alpha + B/D^beta)^k: both shortages interact through the outer exponent k.
const Law& outer_law();

// The joint form of Kaplan et al. 2020 (Eq. 1.5), [(N_c/N)^(alpha_N/alpha_D) + D_c/D]^alpha_D, with
// alpha = alpha_N, beta = alpha_D, A = N_c^alpha_N and B = D_c^alpha_D, so that A/N^alpha and
// B/D^beta are its limits for endless data and endless size. No irreducible loss.
const Law& kaplan_law();

// Repeated data (Muennighoff et al. 2023, Eqs. 5 and 11): D tokens of which U are unique count as
// D' = U + U R_D (1 - exp(-(D/U - 1)/R_D)); N counts as N' by the same form with R_N and U_N, the
// smaller of N and the size that is compute-optimal for U.
const Law& data_constrained_law();

}  // namespace crosslaw::fit
