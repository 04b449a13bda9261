#pragma once

#include "fit/data/points.h"
#include "fit/solve/fit_options.h"
#include "fit/solve/fit_result.h"

namespace crosslaw::fit {

// Fits one law to all points: minimises sum_i w_i Huber(log predicted - log observed). The stage of
// a point matters only to law "joint" (E, A, alpha shared; B, beta of scratch points; B', beta',
// gamma of continued points; arXiv 2407.02118, section 4). Law "two-stage" calls fit_two_stage.
// Throws std::invalid_argument for bad options, bad points, or fewer points than coefficients; a
// fit that is not identifiable or did not converge is a result that says so.
FitResult fit_law(const Points& points, const FitOptions& options);

// The paper's two-stage fit: the chinchilla law on the scratch points, then B', beta' and gamma on
// the continued points with E, A and alpha frozen (arXiv 2407.02118, Eqs. 6 and 7). The result has
// law "joint" and method "two-stage"; every bootstrap draw refits both stages on one resample.
// options.law is ignored. Throws like fit_law, also when a stage has no points.
FitResult fit_two_stage(const Points& points, const FitOptions& options);

// The law of a fit by FitOptions::law. Throws std::invalid_argument naming the known ones.
const Law& law_of_fit(std::string_view name);

}  // namespace crosslaw::fit
