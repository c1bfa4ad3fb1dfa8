// Lines for people, of a simulation. A reader that has gone (`| head`) is no fault, and a full disk
// is told at the end of the program: fmt::print would throw.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <string>
#include <utility>

namespace tdn::sim {

template <class... Values>
void print(std::FILE* file, fmt::format_string<Values...> format, Values&&... values) {
  const std::string text = fmt::format(format, std::forward<Values>(values)...);
  std::fputs(text.c_str(), file);
}

}  // namespace tdn::sim
