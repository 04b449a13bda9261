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

// Laws of mixtures: D tokens of which a share r is target text.
// L = E + A/N^alpha + B/(D_eff^beta N^gamma), D_eff = (r + tau (1 - r)) D: a token of other text is
// worth tau tokens of the target (after Hernandez et al. 2021, arXiv 2102.01293).
const Law& effective_data_law();
// The same where the r D target tokens repeat U unique ones and count by the form of
// data_constrained_law().
const Law& effective_data_repeats_law();
// L = E + A/N^alpha + B r^eta/D^beta + C/(r + eps)^gamma_r (Que et al. 2024, D-CPT law,
// arXiv 2406.01375; gamma_r is its gamma).
const Law& d_cpt_law();
// The loss on the text of before, L0 when training began: L = L0 + E + A D^beta/((1 + B p)
// N)^alpha, p = 1 - r replayed (Bethune et al. 2025, "Scaling laws for forgetting"). E may be
// negative.
const Law& forgetting_law();

// Laws of models that had seen D1 tokens before.
// L = E + A/N^alpha + B/(D^beta N^gamma D1^delta).
const Law& base_budget_law();
// L = E + A/N^alpha + B D^(-beta + kappa log D1)/D1^delta: the two budgets interact (Liew and Kato
// 2025, with a size term).
const Law& base_interaction_law();

// L = exp(s N^q + S) + exp(B N^b + Q) D^-exp(A N^a + E) (Li et al. 2025, Farseer, arXiv
// 2506.10972): every size has a power law in D of its own, whose three numbers are smooth in N.
const Law& farseer_law();

}  // namespace crosslaw::fit
