#pragma once

#include <string>
#include <vector>

#include "apps/charts/chart_page.h"
#include "apps/charts/strategies.h"
#include "fit/evidence/profile.h"
#include "fit/write/allocation_table.h"

namespace crosslaw::charts {

// A fit with its points: coefficients, certificate, surface, residuals, frontiers and, where there
// are any, profiles.
Document fit_document(const fit::FitResult& fit, const fit::Points& points,
                      const std::vector<fit::Profile>& profiles, const DataNames& names);

// An allocation: its tables and the frontiers with the budgets on them. `points` may be empty.
Document allocation_document(const fit::FitResult& fit, const fit::AllocationReport& report,
                             const fit::Points& points, const DataNames& names);

// One document of several, each part under its name: of the fits of a sweep.
struct NamedDocument {
  std::string name;
  Document document;
};
Document combined(const std::string& title, const std::vector<NamedDocument>& parts);

}  // namespace crosslaw::charts
