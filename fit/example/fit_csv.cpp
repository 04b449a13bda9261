// Fits two scaling laws to a table of trained models and prints what they say about budgets.
//
//   fit_csv FILE [COLUMN=VALUE ...]    columns N, D and loss; only rows with all COLUMN=VALUE
#include <iostream>
#include <stdexcept>
#include <string>

#include "fit/data/data_file.h"
#include "fit/solve/fitter.h"
#include "fit/write/allocation_table.h"
#include "fit/write/fit_text.h"

namespace fit = crosslaw::fit;

namespace {

void print_fit(const fit::Points& points, const std::string& law) {
  fit::FitOptions options;
  options.law = law;
  options.draws = 1000;  // bootstrap refits for the intervals
  const fit::FitResult result = fit::fit_law(points, options);
  std::cout << fit::describe(result) << "\n";

  fit::AllocationOptions budgets;
  budgets.flops = {1e19, 1e21, 1e23, 1e25};
  const fit::AllocationReport report = fit::report_allocation(result, budgets);
  std::cout << fit::render(fit::allocation_table(report), fit::TableFormat::kText) << "\n";
  for (const std::string& warning : fit::warnings(report)) std::cerr << warning << "\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: fit_csv FILE [COLUMN=VALUE ...]\n";
    return 2;
  }
  try {
    fit::DataFileOptions file;
    file.path = argv[1];
    file.where.assign(argv + 2, argv + argc);
    const fit::DataFile data = fit::read_data_file(file);
    print_fit(data.points, "chinchilla");
    print_fit(data.points, "extended");
  } catch (const std::invalid_argument& error) {  // bad input; the message says what and where
    std::cerr << error.what() << "\n";
    return 2;
  }
}
