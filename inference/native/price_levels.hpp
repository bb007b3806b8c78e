// Levels as prices: which graph outputs they are, and what of them is known at a bar's close, sorted for the steps.
#pragma once
#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "errors.hpp"
#include "kernels/kernel.hpp"
#include "kernels/lanes.hpp"

namespace ratchet {

/// What kind of level a price is. Names and order are those of LEVEL_GROUPS.
enum class LevelGroup : std::uint8_t {
    zones,     // of past turning points; strength: sum of their weights
    profile,   // point of control, value area and nodes of the volume profile
    session,   // the present day's and the day's before, by the clock
    range,     // high, low and close of the last so many bars
    round,     // round numbers of two magnitudes
    swing,     // ends, Fibonacci retracements and extensions of the live leg
    cluster,   // densest cluster of several swings' Fibonacci levels ahead; strength: its share of them
    harmonic,  // completions of the patterns that fit; strength: the fit
    elliott,   // targets of waves 3 and 5, where the live leg can be one
    gann,      // angles from the live leg's origin, square of nine
    trail,     // where a parabolic stop stands on the next bar
    book,      // walls of the order book; strength: multiple of the other levels' mean
};
inline constexpr std::array LEVEL_GROUPS = {"zones",   "profile",  "session", "range", "round", "swing",
                                            "cluster", "harmonic", "elliott", "gann",  "trail", "book"};

inline LevelGroup level_group(const std::string& name) {
    const auto found = std::find(LEVEL_GROUPS.begin(), LEVEL_GROUPS.end(), name);
    if (found == LEVEL_GROUPS.end())
        throw std::invalid_argument(message("level.group", "must be one that this engine knows", "'" + name + "'",
                                            "load the export with the engine version that wrote it"));
    return static_cast<LevelGroup>(found - LEVEL_GROUPS.begin());
}

/// The graph outputs of one level.
struct LevelOutputs {
    LevelGroup group;
    int price, strength = -1;  // -1: it has none
};

/// A level that is known at the last bar's close.
struct Level {
    double price, strength;  // strength in the group's own measure, NaN where it has none
    std::uint16_t index;     // in the model's list of levels
    LevelGroup group;
};

/// The place of each price in their order; of equal prices the first comes first. Asked of four at a time, how many of
/// all come before: of so few that is sooner told than sorted. The memory of both goes on to a multiple of four.
RATCHET_CLONES inline void place(const double* prices, std::size_t n, std::int64_t* places) {
    for (std::size_t at = 0; at < n; at += FOUR) {
        const Four own = load(prices + at);
        Flags before{};
        for (std::size_t i = 0; i < at; ++i) before += all(prices[i]) <= own;
        for (std::size_t i = at; i < n; ++i) before += all(prices[i]) < own;
        for (std::size_t i = at; i < std::min(at + FOUR, n); ++i)
            before += (all(prices[i]) == own) & (Flags{0, 1, 2, 3} > static_cast<std::int64_t>(i - at));
        before = -before;
        std::memcpy(places + at, &before, sizeof before);
    }
}

/// The known ones among the levels, by price; of equal prices in the order of the list. Memory is reused.
class KnownLevels {
  public:
    void gather(const std::vector<LevelOutputs>& levels, const std::vector<double>& outputs) {
        const std::size_t most = levels.size() + FOUR;
        prices_.resize(most), which_.resize(most), places_.resize(most);
        std::size_t n = 0;
        for (std::size_t i = 0; i < levels.size(); ++i) {
            const double price = outputs[static_cast<std::size_t>(levels[i].price)];
            prices_[n] = price, which_[n] = i;
            n += price > 0.0;  // nor what is missing
        }
        place(prices_.data(), n, places_.data());
        known_.resize(n);
        for (std::size_t i = 0; i < n; ++i) {
            const LevelOutputs& from = levels[which_[i]];
            const double strength = from.strength < 0 ? NaN : outputs[static_cast<std::size_t>(from.strength)];
            known_[static_cast<std::size_t>(places_[i])] = {prices_[i], strength, static_cast<std::uint16_t>(which_[i]),
                                                            from.group};
        }
    }
    operator std::span<const Level>() const { return known_; }

  private:
    std::vector<Level> known_;
    std::vector<double> prices_;
    std::vector<std::size_t> which_;
    std::vector<std::int64_t> places_;
};

}  // namespace ratchet
