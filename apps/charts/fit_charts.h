#pragma once

#include <vector>

#include "apps/charts/panel.h"
#include "apps/charts/strategies.h"
#include "fit/evidence/profile.h"
#include "fit/write/allocation_table.h"

namespace crosslaw::charts {

// Iso-loss contours of a law over N and D, around the points, which are coloured by their residual;
// with the compute-optimal frontier and its 95 % band where the law has one. For a fit without
// points its measured range gives the area; without either there is no panel.
std::vector<Panel> surface_panels(const std::vector<Strategy>& strategies, const DataNames& names);

// Residuals against N, D and compute, with lines at the Huber delta and the running median of many
// points. Empty without points.
std::vector<Panel> residual_panels(const fit::FitResult& fit, const fit::Points& points,
                                   const DataNames& names);

// One panel a profile: how much the objective rises when a coefficient is held elsewhere.
std::vector<Panel> profile_panels(const std::vector<fit::Profile>& profiles);

// Loss over N at equal compute: the measured runs with the parabolas of approach 2, the law, and
// the line through its optima. Strategies without points have no panel.
std::vector<Panel> isoflop_panels(const std::vector<Strategy>& strategies, const DataNames& names);

// N* and D* over the measured compute and one to two decades beyond. Empty for fits that may not be
// allocated and without a measured range.
std::vector<Panel> frontier_panels(const std::vector<Strategy>& strategies);

// N*, D*, D*/N* and the loss over the measured compute and the budgets of the report, which are
// marked with their intervals; for N* and D* also what is within the flat share of the least loss.
std::vector<Panel> allocation_panels(const fit::FitResult& fit, const fit::AllocationReport& report,
                                     const fit::Points& points);

// All panels of a fit: isoFLOP curves, surface, residuals, frontiers, profiles.
std::vector<Panel> fit_panels(const fit::FitResult& fit, const fit::Points& points,
                              const std::vector<fit::Profile>& profiles, const DataNames& names);

// An axis title: the quantity and, where it has a name of its own, its column.
std::string axis_title(const std::string& quantity, const std::string& usual,
                       const std::string& column);

}  // namespace crosslaw::charts
