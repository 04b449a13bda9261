#pragma once

#include <fmt/format.h>

#include <iosfwd>
#include <string>
#include <vector>

#include "apps/commands/allocation_forecast.h"
#include "apps/commands/fit_source.h"
#include "apps/commands/output_format.h"
#include "fit/write/allocation_table.h"

// What crosslaw allocate prints and draws.
namespace crosslaw::apps {

struct AllocationAnswer {
  SourcedFit fit;
  std::string reason;  // of a sweep: why by this fit
  fit::AllocationReport report;
  AllocationForecast forecast;

  // "fr, joint (held-out error ...)"
  std::string heading() const {
    return reason.empty() ? fit.label() : fmt::format("{} ({})", fit.label(), reason);
  }
};

// The tables of an allocation; `format` is not CSV.
std::string allocation_tables(const fit::AllocationReport& report, fit::TableFormat format);

// `folder`: of a sweep, whose languages are answered one by one; empty: one answer of a file.
void print_allocations(const std::vector<AllocationAnswer>& answers, const std::string& folder,
                       const OutputOptions& output, std::ostream& out);
void plot_allocations(const std::vector<AllocationAnswer>& answers, const std::string& folder,
                      const std::string& file, std::ostream& log);

}  // namespace crosslaw::apps
