// Figures of one order book snapshot: spread, imbalance, walls, depth near the middle. O(levels), no allocation.
#pragma once
#include <array>

#include "market.hpp"

namespace ratchet {

/// One side of a book, best price first; quantities in the asset's units.
struct BookSide {
    const double *price, *quantity;
    std::size_t levels;
};

/// The level that stands out most: its distance from the middle, and its quantity over the mean of the other levels.
struct Wall {
    double distance_bp, multiple;
};

/// Names of the figures that need no parameter, in their order; the depths (bid, ask of each range) come after them.
inline constexpr std::array<const char*, 6> BOOK_FIGURES = {"book_spread_bp",   "book_imbalance",
                                                            "book_bid_wall_bp", "book_bid_wall_multiple",
                                                            "book_ask_wall_bp", "book_ask_wall_multiple"};

/// Throws BarError unless prices go away from the middle (`direction` -1 bids, 1 asks) and all numbers are good.
inline void check_side(const std::string& name, const BookSide& side, double direction) {
    if (side.levels == 0)
        throw BarError(message("book." + name + "_price", "must have a level", "none", "drop the snapshot"));
    for (std::size_t i = 0; i < side.levels; ++i) {
        const double price = side.price[i], quantity = side.quantity[i];
        if (!(price > 0.0 && price <= MAX_NUMBER))
            throw BarError(message("book." + name + "_price", "must be finite, above 0 and at most 1e15", text(price),
                                   "drop the snapshot"));
        if (!(quantity > 0.0 && quantity <= MAX_NUMBER))
            throw BarError(message("book." + name + "_quantity", "must be finite, above 0 and at most 1e15",
                                   text(quantity), "leave out emptied levels"));
        if (i && !(direction * (price - side.price[i - 1]) > 0.0))
            throw BarError(message("book." + name + "_price", "must go away from the middle, each price once",
                                   text(price) + " after " + text(side.price[i - 1]), "sort the levels, best first"));
    }
}

/// Throws BarError unless the snapshot is one that a market can show.
inline void check_book(const BookSide& bids, const BookSide& asks) {
    check_side("bid", bids, -1.0);
    check_side("ask", asks, 1.0);
    if (!(bids.price[0] < asks.price[0]))
        throw BarError(message("book.bid_price", "must be below the best ask (" + text(asks.price[0]) + ")",
                               text(bids.price[0]), "drop the crossed snapshot"));
}

/// Of equal quantities the level nearest to the middle counts; a side of one level has multiple 1.
inline Wall wall(const BookSide& side, double middle) {
    std::size_t at = 0;
    for (std::size_t i = 1; i < side.levels; ++i)
        if (side.quantity[i] > side.quantity[at]) at = i;
    double others = 0.0;  // summed anew: subtracting a huge wall from the total would leave no digits of the rest
    for (std::size_t i = 0; i < side.levels; ++i)
        if (i != at) others += side.quantity[i];
    const double multiple = side.levels > 1 ? side.quantity[at] * static_cast<double>(side.levels - 1) / others : 1.0;
    return {1e4 * std::abs(side.price[at] - middle) / middle, multiple};
}

/// Money (price x quantity) of the levels at most `bp` from the middle; 1e-12 lets a level right at the edge in.
inline double depth(const BookSide& side, double middle, double bp) {
    const double reach = middle * (bp * 1e-4 + 1e-12);
    double sum = 0.0;
    for (std::size_t i = 0; i < side.levels && std::abs(side.price[i] - middle) <= reach; ++i)
        sum += side.price[i] * side.quantity[i];
    return sum;
}

/// Writes BOOK_FIGURES and then the depth of bids and asks for each range into `out`; throws BarError before that.
inline void book_figures(const BookSide& bids, const BookSide& asks, const double* ranges_bp, std::size_t ranges,
                         double* out) {
    check_book(bids, asks);
    const double bid = bids.price[0], ask = asks.price[0], middle = 0.5 * (bid + ask);
    const Wall below = wall(bids, middle), above = wall(asks, middle);
    const double wanted = bids.quantity[0], offered = asks.quantity[0];
    for (double figure : {1e4 * (ask - bid) / middle, (wanted - offered) / (wanted + offered), below.distance_bp,
                          below.multiple, above.distance_bp, above.multiple})
        *out++ = figure;
    for (std::size_t i = 0; i < ranges; ++i) {
        *out++ = depth(bids, middle, ranges_bp[i]);
        *out++ = depth(asks, middle, ranges_bp[i]);
    }
}

/// The figures of n snapshots, `levels` apart in memory, a row each; the message names the row.
inline void book_table(BookSide bids, BookSide asks, std::size_t n, const double* ranges_bp, std::size_t ranges,
                       double* out) {
    for (std::size_t row = 0; row < n; ++row) {
        try {
            book_figures(bids, asks, ranges_bp, ranges, out);
        } catch (const BarError& error) {
            if (n == 1) throw;
            throw BarError("row " + std::to_string(row) + ": " + error.what());
        }
        for (BookSide* side : {&bids, &asks}) {
            side->price += side->levels;
            side->quantity += side->levels;
        }
        out += BOOK_FIGURES.size() + 2 * ranges;
    }
}

}  // namespace ratchet
