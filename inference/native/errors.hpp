// Errors that reach Python as exception types of their own (a caller can react to each); everything else is
// std::invalid_argument.
#pragma once
#include <charconv>
#include <stdexcept>
#include <string>

namespace ratchet {

struct BarError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};
struct RiskError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};
struct UnknownSymbolError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};
struct StateError : std::invalid_argument {
    using std::invalid_argument::invalid_argument;
};

/// The shortest text that reads back as the same number.
inline std::string text(double value) {
    char buffer[32];
    auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return std::string(buffer, end);
}

/// "name: rule, was VALUE; remedy": the one shape of all messages.
inline std::string message(const std::string& name, const std::string& rule, const std::string& was,
                           const std::string& remedy) {
    return name + ": " + rule + ", was " + was + "; " + remedy;
}

}  // namespace ratchet
