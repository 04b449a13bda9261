// The report page of the JSON on standard input, on standard output: what the browser test opens.
#include <cstdio>
#include <exception>
#include <iostream>
#include <nlohmann/json.hpp>

#include "apps/report/report_page.h"

int main() {
  try {
    std::cout << crosslaw::apps::render_report(nlohmann::json::parse(std::cin));
    return std::cout.flush() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "render_report_page: %s\n", error.what());
    return 1;
  }
}
