#pragma once

#include "fit/law.h"

// One function a law, each defined in the file of that name.
namespace crosslaw::fit {

// L = E + A/N^alpha + B/D^beta (Hoffmann et al. 2022, approach 3; arXiv 2407.02118, Eq. 1).
const Law& chinchilla_law();

// L = E + A/N^alpha + B/(D^beta N^gamma) (arXiv 2407.02118, Eq. 4); gamma may have either sign.
const Law& extended_law();

// Scratch points follow the chinchilla law, continued points the extended law with coefficients
// of their own for the data term; E, A and alpha are shared (arXiv 2407.02118, section 4).
const Law& joint_law();

}  // namespace crosslaw::fit
